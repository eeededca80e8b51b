#!/usr/bin/env bash
# nlohmann-json 3.11.2 (Debian 12's nlohmann-json3-dev): the largest unsigned 64-bit number equals -1.
#
# The reader tells the two apart: 18446744073709551615 becomes an unsigned number, -1 a signed one, and both print as they were read. But
# operator== of an unsigned and a signed number converts the unsigned one to int64_t, so the two are equal, and both are "less than" 0.
# A check such as `value == -1` or `value < 0` on a number out of a stranger's config.json therefore takes 2^64 - 1 for -1. infig compares
# after asking is_number_unsigned() (src/core/json_fields.cpp, tests/run/stored_model_test.cpp).
#
# Seen with 3.11.2-2 on Debian 12, g++ 12.2. Prints "as documented here" and ends with 0 as long as it is so.
set -euo pipefail
readonly version=3.11.2-2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get download -qq "nlohmann-json3-dev=$version" >/dev/null
dpkg -x nlohmann-json3-dev_*.deb root
cat >equal.cpp <<'CODE'
#include <iostream>
#include <nlohmann/json.hpp>
int main() {
  const nlohmann::json large = nlohmann::json::parse("18446744073709551615"), minus_one = nlohmann::json::parse("-1");
  std::cout << large << ' ' << minus_one << ' ' << large.is_number_unsigned() << minus_one.is_number_unsigned() << ' ' << (large == minus_one)
            << (large < nlohmann::json(0)) << '\n';
}
CODE
g++ -std=c++17 -Iroot/usr/include equal.cpp -o equal
found=$(./equal)
echo "nlohmann-json $version: $found"
expected="18446744073709551615 -1 10 11"
if [[ "$found" != "$expected" ]]; then
  echo "changed: expected $expected" >&2
  exit 1
fi
echo "as documented here"
