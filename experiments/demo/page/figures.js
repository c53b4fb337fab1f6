// How times are written.

export const MS = 1e6;

export function ms(ns) {
  const value = ns / MS;
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size >= 100) return value.toFixed(0);
  if (size >= 10) return value.toFixed(1);
  return size >= 1 ? value.toFixed(2) : value.toFixed(3);
}

export const exact = (ns) => `${(ns / MS).toFixed(6)} ms`;

export const words = (cause) => cause.replaceAll("_", " ").replace("ack", "ACK");
