import { runThaw } from '../../src/cli/run.ts';

export interface Output {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs the command line in this process and records its output. @param columns width of a terminal; without it, a pipe */
export async function thaw(words: readonly string[], columns?: number): Promise<Output> {
  const output = { out: '', err: '' };
  const sink = (name: 'out' | 'err') => ({
    write: (text: string) => {
      output[name] += text;
    },
    ...(columns !== undefined && { isTTY: true, columns }),
  });
  const code = await runThaw(words, { stdout: sink('out'), stderr: sink('err'), env: {} });
  return { code, ...output };
}
