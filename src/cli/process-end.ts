import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { shortened } from '../graphemes.ts';
import { quoted } from '../node/commands/paths.ts';
import { saysOutOfMemory } from '../runtime/out-of-memory.ts';
import type { ChildExit } from './child.ts';
import { STOP_SIGNALS } from './interrupt.ts';

/** Windows has no signals. A process that an exception exit has an exit code from here upwards. */
const EXCEPTION = 0xc0000000;
/** Maximum characters of the child's last output in the message. */
const MAX_CHARACTERS = 300;

/** Whether the system or a crash ended the process. */
export const wasKilled = ({ code, signal }: ChildExit): boolean =>
  signal !== null || code === null || code >= EXCEPTION;

/** One line with the reason and the remedy, and the exit code: 2 if memory ran out, else 1. */
export async function explainProcessEnd(exit: ChildExit): Promise<{ line: string; code: number }> {
  if (exit.killed) return { line: `ended at once${await whatToDo(exit.run)}`, code: 130 };
  // The signal came before the child listened for it, or the child ignored it.
  if (STOP_SIGNALS.some((name) => name === exit.signal)) {
    const saved = await whatToDo(exit.run);
    return { line: saved ? `stopped${saved}` : 'stopped; nothing was saved yet', code: 130 };
  }
  const reason = crashReason(exit.output);
  const memory = exit.signal === 'SIGKILL' || saysOutOfMemory(reason);
  const by = exit.signal ?? `exit code ${exit.code}`;
  const what =
    exit.signal === 'SIGKILL'
      ? 'the compute process was killed (SIGKILL), probably because the system ran out of memory'
      : `the compute process ended with ${by}${memory ? ' (out of memory)' : ', probably after an error inside ONNX Runtime'}`;
  const hint = memory ? '. Use a smaller --batch (with --accumulate for the same updates), or --memory' : '';
  return { line: `${what}${reason && `: ${reason}`}${hint}${await whatToDo(exit.run)}`, code: memory ? 2 : 1 };
}

/** The lines of a crash that give the reason. */
function crashReason(output: string): string {
  const lines = output
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line && !/^-----|^\d+: |^#|^at /.test(line));
  const from = lines.findLastIndex((line) => /terminate called|fatal|assert/i.test(line));
  const reason = lines.slice(from < 0 ? -1 : from).join(' ');
  return shortened(reason.replace(/\s+/g, ' '), MAX_CHARACTERS);
}

async function whatToDo(run: string | undefined): Promise<string> {
  if (run === undefined) return '';
  if (existsSync(join(run, 'sweep.json'))) return `. Resume with: thaw resume ${quoted(run)}`;
  const { openRun, unfinishedIn } = await import('../node/run/index.ts');
  const unfinished = await unfinishedIn(run);
  if (unfinished) return `. Run again: ${unfinished.command}`;
  const checkpoint = await openRun(run)
    .then(async (reader) => reader.hasCheckpoint('last') && (await reader.checkpoint('last')))
    .catch(() => undefined);
  if (!checkpoint) return existsSync(join(run, 'config.yaml')) ? `. Nothing was saved yet; start again` : '';
  const { epoch } = checkpoint.progress;
  return `. The last checkpoint (after ${epoch === 1 ? '1 epoch' : `${epoch} epochs`}) is intact. Resume with: thaw resume ${quoted(run)}`;
}
