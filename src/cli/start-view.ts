/** Shows the live table: redrawn in place on a terminal, printed once per round elsewhere. */
import { relative } from 'node:path';
import { table } from './output.ts';
import type { StartRow } from './start-table.ts';

export interface StartScene {
  readonly rows: readonly StartRow[];
  readonly round: number;
  readonly folder: string;
  /** Edits of the folder are applied. */
  readonly isLive: boolean;
  /** Lines below the table: problems of the manifests, what was applied last. */
  readonly notes: readonly string[];
}

export interface Terminal {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
}

/** The whole scene as lines, wrong answers first where not all fit into `most` lines. */
export function sceneLines(scene: StartScene, most = Number.POSITIVE_INFINITY): readonly string[] {
  const wrong = scene.rows.filter((row) => row.wrong.length > 0);
  const right = scene.rows.length - wrong.length;
  const verdict = wrong.length === 0 ? 'every answer is right' : `${wrong.length} lines are wrong`;
  const footer = [
    '',
    `round ${scene.round}: ${right} of ${scene.rows.length} lines as the rows say; ${verdict}`,
    ...(scene.isLive
      ? [
          `edit and save ${relative(process.cwd(), scene.folder) || '.'} to see it change; Ctrl-C takes everything down`,
        ]
      : []),
    ...scene.notes,
  ];
  const room = Math.max(1, most - footer.length - 2);
  const isTooLong = scene.rows.length > room;
  const shown = isTooLong
    ? [...wrong, ...scene.rows.filter((row) => row.wrong.length === 0)].slice(0, room)
    : scene.rows;
  const left = scene.rows.length - shown.length;
  const more = left === 0 ? [] : [`… and ${left} more lines: the window is too small`];
  return [...table(HEADER, shown.map(cells)).split('\n'), ...more, ...footer];
}

/** Draws scenes one over the other. */
export function createScreen(terminal: Terminal): { draw(scene: StartScene): void } {
  let drawn = 0;
  return {
    draw(scene) {
      if (!terminal.isTTY) {
        terminal.write(`${sceneLines(scene).join('\n')}\n\n`);
        return;
      }
      const width = terminal.columns ?? 80;
      const lines = sceneLines(scene, (terminal.rows ?? 24) - 1).map((line) => line.slice(0, width));
      const back = drawn === 0 ? '' : `\u001b[${drawn}A\u001b[J`;
      terminal.write(`${back}${lines.join('\n')}\n`);
      drawn = lines.length;
    },
  };
}

const HEADER = ['right', 'service', 'by', 'from', 'ip', 'ms', 'answered by', 'client seen', ''];

/** What is cut off first on a narrow terminal stands last. */
function cells(row: StartRow): readonly string[] {
  return [
    row.wrong.length === 0 ? 'yes' : 'NO',
    row.service,
    row.by,
    row.from,
    row.families,
    row.msMedian === null ? '' : row.msMedian.toFixed(1),
    row.answers.join(', '),
    row.clientSeen.join(' '),
    row.wrong.join('; '),
  ];
}
