/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include <cstdint>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <stdexcept>
#include <vector>

/**
 * \file
 * Runs a fuzz target over the files of the folders given as arguments, for compilers without
 * libFuzzer. Fails when a folder cannot be read or no file is found.
 */

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace
{

void
Replay(const std::filesystem::path& path)
{
    std::ifstream in(path, std::ios::binary);
    if (!in)
    {
        throw std::runtime_error("cannot read " + path.string());
    }
    const std::vector<std::uint8_t> data{std::istreambuf_iterator<char>(in),
                                         std::istreambuf_iterator<char>()};
    LLVMFuzzerTestOneInput(data.data(), data.size());
}

} // namespace

int
main(int argc, char** argv)
{
    try
    {
        std::size_t count = 0;
        for (int i = 1; i < argc; ++i)
        {
            for (const auto& entry : std::filesystem::directory_iterator(argv[i]))
            {
                if (entry.is_regular_file())
                {
                    Replay(entry.path());
                    ++count;
                }
            }
        }
        std::cout << "replayed " << count << " inputs" << std::endl;
        return count > 0 ? 0 : 1;
    }
    catch (const std::exception& error)
    {
        std::cerr << "replay: " << error.what() << std::endl;
        return 1;
    }
}
