// Numbers as people read them: the same rules as report/figures.rs, so that page and screen say the same.

const DASH = "–";

/** A number with so many decimals; a half goes to the even side, as in Rust, where `toFixed` goes up. */
function fixed(value, decimals) {
  const halves = value * 2 ** (decimals + 1);
  if (!Number.isInteger(halves) || halves % 2 === 0) return value.toFixed(decimals);
  const below = Math.floor(value * 10 ** decimals);
  return ((below % 2 === 0 ? below : below + 1) / 10 ** decimals).toFixed(decimals);
}

const digits = (value) =>
  value >= 99.95 ? fixed(value, 0) : value >= 9.995 ? fixed(value, 1) : value > 0 ? fixed(value, 2) : "0";

/** A whole number with its thousands apart. */
function count(number) {
  return String(Math.round(number)).replace(/\B(?=(\d{3})+(?!\d))/g, ",");
}

/** Microseconds with three significant digits: 340µs, 1.20ms, 12.3s, 2m 4s. */
function time(micros) {
  if (micros === null || micros === undefined) return DASH;
  let scaled = micros;
  for (const [unit, next] of [["µs", 1e3], ["ms", 1e3], ["s", 120]]) {
    const text = digits(scaled);
    if (Number(text) < next) return text + unit;
    scaled /= 1e3;
  }
  return duration(micros / 1e6);
}

/** Seconds as a length of time: 250ms, 1.5s, 1h 2m. */
function duration(seconds) {
  if (seconds < 1) return `${threeDigits(seconds * 1e3)}ms`;
  if (seconds < 60) return `${threeDigits(seconds)}s`;
  const whole = Math.round(seconds);
  const parts = [[Math.floor(whole / 3600), "h"], [Math.floor(whole / 60) % 60, "m"], [whole % 60, "s"]];
  return parts.filter(([number]) => number > 0).map(([number, unit]) => number + unit).join(" ");
}

function threeDigits(value) {
  const size = Math.abs(value);
  const text = size >= 99.95 ? fixed(value, 0) : size >= 9.995 ? fixed(value, 1) : fixed(value, 2);
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

/** A rate without its /s. */
function rate(perSecond) {
  if (perSecond === null || perSecond === undefined) return DASH;
  return perSecond >= 99.95 ? count(perSecond) : threeDigits(perSecond);
}

/** A share of 0 to 1: what is not zero never reads as zero, what is not all never as all. */
function share(value) {
  if (value === null || value === undefined) return DASH;
  const percent = value * 100;
  const side = Math.min(percent, 100 - percent);
  if (side > 0 && side < 0.001) return percent < 50 ? "<0.001 %" : ">99.999 %";
  const text = side <= 0 ? fixed(percent, 0)
    : side < 0.1 ? fixed(percent, 3)
    : side < 1 ? fixed(percent, 2)
    : fixed(percent, 1);
  return `${text.includes(".") ? text.replace(/\.?0+$/, "") : text} %`;
}

/** A number of bytes. */
function bytes(number) {
  if (number < 1000) return `${number} B`;
  let scaled = number;
  let unit = "B";
  for (const next of ["kB", "MB", "GB", "TB", "PB"]) {
    if (scaled < 999.5) break;
    scaled /= 1e3;
    unit = next;
  }
  return `${threeDigits(scaled)} ${unit}`;
}

/** A number whose unit nobody knows. */
function plain(value) {
  if (value === null || value === undefined) return DASH;
  const size = Math.abs(value);
  if (size >= 1e15) return value.toExponential(2).replace("e+", "e");
  if (Number.isInteger(value)) return (value < 0 ? "-" : "") + count(size);
  if (size < 0.01) return value.toExponential(1).replace("e+", "e");
  return (value < 0 ? "-" : "") + rate(size);
}

/** A moment of the run: 7s, 2:05, 1:02:05. */
function moment(seconds) {
  const whole = Math.floor(seconds + 1e-6);
  const two = (number) => String(number).padStart(2, "0");
  if (seconds < 60) return `${threeDigits(seconds)}s`;
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** A value in a unit of the summary. */
function inUnit(value, unit) {
  if (value === null || value === undefined) return DASH;
  if (unit === "us") return time(value);
  if (unit === "share") return share(value);
  if (unit === "/s") return `${rate(value)}/s`;
  if (unit === "bytes") return bytes(value);
  return plain(value);
}

const sum = (values) => values.reduce((total, value) => total + (value || 0), 0);
