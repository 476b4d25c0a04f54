"""The S-boxes of DES as printed in FIPS 46-3, appendix 1: four rows of sixteen values each."""

from __future__ import annotations

from typing import Final

SBOXES: Final = (
    "E4D12FB83A6C5907 0F74E2D1A6CB9538 41E8D62BFC973A50 FC8249175B3EA06D",
    "F18E6B34972DC05A 3D47F28EC01A69B5 0E7BA4D158C6932F D8A13F42B67C05E9",
    "A09E63F51DC7B428 D709346A285ECBF1 D6498F30B12C5AE7 1AD069874FE3B52C",
    "7DE3069A1285BC4F D8B56F03472C1AE9 A690CB7DF13E5284 3F06A1D8945BC72E",
    "2C417AB6853FD0E9 EB2C47D150FA3986 421BAD78F9C5630E B8C71E2D6F09A453",
    "C1AF92680D34E75B AF427C9561DE0B38 9EF528C3704A1DB6 432C95FABE17608D",
    "4B2EF08D3C975A61 D0B7491AE35C2F86 14BDC37EAF680592 6BD814A7950FE23C",
    "D2846FB1A93E50C7 1FD8A374C56B0E92 7B419CE206ADF358 21E74A8DFC90356B",
)


def substitute(sbox: int, value: int) -> int:
    """Output (4 bits) of an S-box (counted from 0) for a 6-bit input: outer bits choose the row, inner bits the column."""
    row = (value >> 5) << 1 | value & 1
    return int(SBOXES[sbox].split()[row][value >> 1 & 0xF], 16)


def output_table(sbox: int, output: int) -> int:
    """Truth table of one output bit (0 is the most significant): bit v is the output for input v."""
    return sum((substitute(sbox, value) >> (3 - output) & 1) << value for value in range(64))
