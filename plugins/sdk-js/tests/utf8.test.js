/** Texts and bytes are Node's, bad ones included. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { decode, encode } from "../prony-plugin/src/utf8.js";

test("texts become the bytes that TextEncoder gives", () => {
  for (const text of ["", "plain", "äöü €", "🦀 and 𝄞", "half \ud800 pair", "\udc00", "\0\x7f\x80\uffff"]) {
    assert.deepEqual(encode(text), new TextEncoder().encode(text), JSON.stringify(text));
  }
});

test("bytes become the texts that TextDecoder gives", () => {
  const samples = [
    [], [0x61], [0xc3, 0xa4], [0xf0, 0x9f, 0xa6, 0x80], [0xff, 0x61], [0xc3], [0xc3, 0x61], [0xe2, 0x82], [0xe2, 0x82, 0x61],
    [0xed, 0xa0, 0x80], [0xc0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xf0, 0x80, 0x80, 0x80], [0xf5], [0x80, 0x61], [0xf0, 0x9f, 0x61],
  ];
  for (const sample of samples) {
    const bytes = Uint8Array.from(sample);
    assert.equal(decode(bytes), new TextDecoder().decode(bytes), sample.map((byte) => byte.toString(16)).join(" "));
  }
  const long = new TextEncoder().encode("äx€🦀".repeat(20_000));
  assert.equal(decode(long), new TextDecoder().decode(long));
});
