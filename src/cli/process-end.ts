import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { shortened } from '../graphemes.ts';
import { quoted } from '../node/commands/paths.ts';
import { saysOutOfMemory } from '../runtime/out-of-memory.ts';
import type { Ended } from './child.ts';
import { STOP_SIGNALS } from './interrupt.ts';

/** What Windows has for signals: exit codes of processes that were ended by an exception. */
const EXCEPTION = 0xc0000000;
/** Of what it said last, so many characters are told. */
const MOST_CHARACTERS = 300;

/** Whether a process was ended, instead of coming to its end. */
export const wasEnded = ({ code, signal }: Ended): boolean => signal !== null || code === null || code >= EXCEPTION;

/** Why a process ended and what to do now, on one line, and the exit code: 2 where the memory was too small, else 1. */
export async function explainProcessEnd(ended: Ended): Promise<{ line: string; code: number }> {
  if (ended.killed) return { line: `ended at once${await afterwards(ended.run)}`, code: 130 };
  // Before it listened to them, or although it did.
  if (STOP_SIGNALS.some((name) => name === ended.signal)) {
    const saved = await afterwards(ended.run);
    return { line: saved ? `stopped${saved}` : 'stopped; there was nothing to save yet', code: 130 };
  }
  const words = lastWords(ended.words);
  const memory = ended.signal === 'SIGKILL' || saysOutOfMemory(words);
  const by = ended.signal ?? `exit code ${ended.code}`;
  const what =
    ended.signal === 'SIGKILL'
      ? 'the process that computed was killed (SIGKILL), which is what the system does where memory runs out'
      : `the process that computed was ended by ${by}${memory ? ', out of memory' : ', which ONNX Runtime does at an error of its own'}`;
  const hint = memory
    ? '. A smaller --batch (with --accumulate, the update stays the same) or --memory takes less'
    : '';
  return { line: `${what}${words && `: ${words}`}${hint}${await afterwards(ended.run)}`, code: memory ? 2 : 1 };
}

/** The lines of a crash that say why. */
function lastWords(said: string): string {
  const lines = said
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line && !/^-----|^\d+: |^#|^at /.test(line));
  const from = lines.findLastIndex((line) => /terminate called|fatal|assert/i.test(line));
  const words = lines.slice(from < 0 ? -1 : from).join(' ');
  return shortened(words.replace(/\s+/g, ' '), MOST_CHARACTERS);
}

async function afterwards(run: string | undefined): Promise<string> {
  if (run === undefined) return '';
  if (existsSync(join(run, 'sweep.json'))) return `. Go on with: thaw resume ${quoted(run)}`;
  const { openRun, unfinishedIn } = await import('../node/run/index.ts');
  const unfinished = await unfinishedIn(run);
  if (unfinished) return `. Make it again: ${unfinished.command}`;
  const checkpoint = await openRun(run)
    .then(async (reader) => reader.hasCheckpoint('last') && (await reader.checkpoint('last')))
    .catch(() => undefined);
  if (!checkpoint) return existsSync(join(run, 'config.yaml')) ? `. Nothing was saved yet; begin again` : '';
  const { epoch } = checkpoint.progress;
  return `. The last checkpoint (after ${epoch === 1 ? '1 epoch' : `${epoch} epochs`}) is whole; go on with: thaw resume ${quoted(run)}`;
}
