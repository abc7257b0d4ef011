/** What commands write to stdout, and how their one line about a failure looks on stderr. */

/** Writes a line to stdout; a reader that went away (`| head`) is no error. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Writes a value as JSON, indented where a person reads it. */
export function printJson(value: unknown): void {
  print(JSON.stringify(value, null, process.stdout.isTTY ? 2 : undefined));
}

/** A step of a longer command, on stderr so that stdout stays data. */
export function progress(step: string): void {
  process.stderr.write(`${step}\n`);
}

/** Columns aligned by their widest cell, two spaces apart; a header line is set off by case alone. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  return [line(header.map((title) => title.toUpperCase())), ...rows.map(line)].join('\n');
}
