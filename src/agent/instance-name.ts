/** Whether the text may name an instance: it becomes part of a socket's path, which the kernel limits to 107 bytes. */
export function isInstanceName(text: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$/.test(text);
}
