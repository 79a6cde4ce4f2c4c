import { runThaw } from '../../src/cli/run.ts';

export interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs the command line in this process, with streams that remember. @param columns a terminal's width; a pipe without it */
export async function thaw(words: readonly string[], columns?: number): Promise<Said> {
  const said = { out: '', err: '' };
  const sink = (name: 'out' | 'err') => ({
    write: (text: string) => {
      said[name] += text;
    },
    ...(columns !== undefined && { isTTY: true, columns }),
  });
  const code = await runThaw(words, { stdout: sink('out'), stderr: sink('err'), env: {} });
  return { code, ...said };
}
