/**
 * Texts and bytes. QuickJS has no TextEncoder and no TextDecoder; what it has in native code does most of the work here, for
 * a loop over bytes is slow in it.
 */

const ascii = /^[\0-\x7f]*$/;
const chunk = 8192;

/**
 * A text as UTF-8; halves of surrogate pairs become U+FFFD.
 * @param {string} text
 * @returns {Uint8Array}
 */
export function encode(text) {
  return bytesOf(ascii.test(text) ? text : unescape(encodeURIComponent(text.toWellFormed())));
}

/**
 * UTF-8 as a text; what is not UTF-8 becomes U+FFFD.
 * @param {Uint8Array} bytes
 * @returns {string}
 */
export function decode(bytes) {
  const narrow = narrowOf(bytes);
  if (ascii.test(narrow)) return narrow;
  try {
    return decodeURIComponent(escape(narrow));
  } catch {
    return mended(bytes);
  }
}

// A narrow text has one character for each byte. The way by base64 looks long, and is several times as fast in QuickJS as a
// loop; Node.js 20 does not have it.
const native = /** @type {any} */ (Uint8Array).fromBase64 !== undefined;

/**
 * @param {string} narrow
 * @returns {Uint8Array}
 */
function bytesOf(narrow) {
  if (native) return /** @type {any} */ (Uint8Array).fromBase64(btoa(narrow));
  return Uint8Array.from(narrow, (sign) => sign.charCodeAt(0));
}

/**
 * @param {Uint8Array} bytes
 * @returns {string}
 */
function narrowOf(bytes) {
  if (native) return atob(/** @type {any} */ (bytes).toBase64());
  let narrow = "";
  for (let at = 0; at < bytes.length; at += chunk) {
    narrow += String.fromCharCode(...bytes.subarray(at, at + chunk));
  }
  return narrow;
}

/**
 * What is not all UTF-8, byte by byte.
 * @param {Uint8Array} bytes
 */
function mended(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; ) {
    const [code, length] = one(bytes, at);
    text += String.fromCodePoint(code);
    at += length;
  }
  return text;
}

/**
 * The code point at a place, and how many bytes it takes.
 * @param {Uint8Array} bytes
 * @param {number} at
 * @returns {[number, number]}
 */
function one(bytes, at) {
  const first = bytes[at];
  if (first < 0x80) return [first, 1];
  const more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
  if (first < 0xc2 || first > 0xf4) return [0xfffd, 1];
  let code = first & (0x3f >> more);
  for (let next = 1; next <= more; next += 1) {
    const byte = bytes[at + next];
    if (byte === undefined || (byte & 0xc0) !== 0x80) return [0xfffd, next];
    code = (code << 6) | (byte & 63);
    // What is longer than it need be, half a surrogate pair, or beyond Unicode ends at its second byte.
    if (next === 1 && !fits(first, byte)) return [0xfffd, 1];
  }
  return [code, more + 1];
}

/**
 * Whether a second byte may follow the first.
 * @param {number} first
 * @param {number} second
 */
function fits(first, second) {
  if (first === 0xe0) return second >= 0xa0;
  if (first === 0xed) return second < 0xa0;
  if (first === 0xf0) return second >= 0x90;
  return first !== 0xf4 || second < 0x90;
}
