// A tar laid out byte by byte (POSIX ustar), without a library.
#pragma once

#include <cstdio>
#include <string>
#include <utility>
#include <vector>

namespace infig::reference {

using Members = std::vector<std::pair<std::string, std::string>>;  // name, bytes

// Of each member a block of 512 bytes with name, octal size, checksum; the bytes, filled up to 512; two empty blocks at the end.
inline std::string ustar(const Members& members, char type = '0') {
  std::string tar;
  for (const auto& [name, bytes] : members) {
    std::string header(512, '\0');
    const auto put = [&](size_t at, const std::string& text) { header.replace(at, text.size(), text); };
    char size[12];
    std::snprintf(size, sizeof size, "%011o", static_cast<unsigned>(bytes.size()));
    put(0, name);
    put(100, "0000644");
    put(108, "0000000");
    put(116, "0000000");
    put(124, size);
    put(136, "00000000000");
    put(148, "        ");
    header[156] = type;
    put(157, type == '0' ? "" : "elsewhere");
    put(257, std::string("ustar\0", 6) + "00");
    unsigned sum = 0;
    for (const char c : header) sum += static_cast<unsigned char>(c);
    char check[8];
    std::snprintf(check, sizeof check, "%06o", sum);
    put(148, std::string(check, 7) + " ");
    tar += header + bytes + std::string((512 - bytes.size() % 512) % 512, '\0');
  }
  return tar + std::string(1024, '\0');
}

}  // namespace infig::reference
