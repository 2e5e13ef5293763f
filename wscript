# SPDX-License-Identifier: BSD-3-Clause
"""Build description for waf.

Two uses, told apart by what the build context offers:
  * unpacked as contrib/ipsec of an ns-3 release that is built with waf (3.35 and older);
  * on its own, against an installed ns-3 that pkg-config finds.
ns-3 3.36 and later are built with CMake and cannot use this file; CMakeLists.txt is for them.
What is compiled stands in sources.json, which CMakeLists.txt reads too.
"""

import json
import os

top = "."
out = "build-waf"

CXXFLAGS = ["-std=c++17"]
MODULE = "ipsec"


def manifest(ctx):
    with open(os.path.join(ctx.path.abspath(), "sources.json"), encoding="utf-8") as text:
        return json.load(text)


def library_sources(sources):
    rooms = ("model", "ns3-module", "helpers", "scenarios")
    return [source for room in rooms for source in sources[room]["sources"]]


def public_headers(sources):
    return sources["ns3-module"]["headers"] + sources["helpers"]["headers"]


def in_ns3_tree(ctx):
    return hasattr(ctx, "report_optional_feature") or hasattr(ctx, "create_ns3_module")


def check_headers(conf, mandatory):
    found = [
        conf.check_cxx(header_name=header, mandatory=mandatory, cxxflags=CXXFLAGS)
        for header in ("gsl/span", "tl/expected.hpp")
    ]
    return all(found)


def check_openssl(conf, mandatory):
    return conf.check_cfg(
        package="libcrypto",
        args=["libcrypto >= 3.0", "--cflags", "--libs"],
        uselib_store="CRYPTO",
        mandatory=mandatory,
    )


def options(opt):
    if top_level(opt):
        opt.load("compiler_cxx")


def top_level(ctx):
    """In an ns-3 tree the tree's own wscript has loaded the compiler already."""
    return not os.path.exists(os.path.join(ctx.path.abspath(), "..", "..", "src", "core"))


def configure(conf):
    if in_ns3_tree(conf):
        found = bool(check_openssl(conf, False)) and check_headers(conf, False)
        conf.env["ENABLE_IPSEC"] = found
        conf.report_optional_feature(
            MODULE, "IPsec (IKEv2/ESP)", found, "OpenSSL 3, gsl/span or tl/expected.hpp not found"
        )
        if not found:
            conf.env["MODULES_NOT_BUILT"].append(MODULE)
        return
    conf.load("compiler_cxx")
    conf.env.append_value("CXXFLAGS", [*CXXFLAGS, "-O2", "-Wall", "-Wextra"])
    # As Debian's ns-3 was built: sizes of ns-3 classes depend on it.
    conf.env.append_value("DEFINES", ["NS3_LOG_ENABLE"])
    check_openssl(conf, True)
    check_headers(conf, True)
    conf.check_cfg(
        package=" ".join("ns3-" + module for module in manifest(conf)["ns3-modules"]),
        args=["--cflags", "--libs"],
        uselib_store="NS3",
        msg="Checking for an installed ns-3",
    )


def build(bld):
    if hasattr(bld, "create_ns3_module"):
        build_in_tree(bld)
    else:
        build_alone(bld)


def build_in_tree(bld):
    if not bld.env["ENABLE_IPSEC"]:
        return
    sources = manifest(bld)
    module = bld.create_ns3_module(MODULE, sources["ns3-modules"])
    module.source = library_sources(sources)
    module.use.append("CRYPTO")
    tests = bld.create_ns3_module_test_library(MODULE)
    tests.source = sources["tests"]["ns3"]
    for target in (module, tests):
        # Everything is included from this folder, and ns-3 of that time says C++11.
        target.env.append_value("INCLUDES", [bld.path.abspath()])
        target.env.append_value("CXXFLAGS", CXXFLAGS)
    headers = bld(features="ns3header")
    headers.module = MODULE
    headers.source = public_headers(sources)


def build_alone(bld):
    sources = manifest(bld)
    for header in public_headers(sources):  # <ns3/x.h>, as inside an ns-3 tree
        name = os.path.basename(header)
        bld(features="subst", is_copy=True, source=header, target="include/ns3/" + name)
    bld.add_group()
    bld.shlib(
        source=library_sources(sources),
        target="ipseclab-ns3",
        includes=". include",
        export_includes=". include",
        use="NS3 CRYPTO",
    )
    tests = sources["tests"]
    bld.program(
        source=tests["ns3"] + tests["ns3-runner"],
        target="ns3-tests",
        use="ipseclab-ns3 NS3 CRYPTO",
    )
