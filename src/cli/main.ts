#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import process from 'node:process';
import picocolors from 'picocolors';
import { ThawError } from '../errors.ts';
import { nearestHint } from '../jobs/nearest.ts';
import type { CommandSpec } from './command.ts';
import type { Listed } from './help.ts';

/** The commands; each one's file is loaded when it is asked for, so that help comes at once. */
const COMMANDS: readonly (Listed & { readonly load: () => Promise<{ command: CommandSpec }> })[] = [
  {
    name: 'train',
    usage: 'train <model> <data>',
    summary: 'fine-tune a model on your pictures: new head, training, evaluation, export, report',
    load: () => import('./commands/train.ts'),
  },
  {
    name: 'resume',
    usage: 'resume <run>',
    summary: 'go on exactly where a run stopped',
    load: () => import('./commands/resume.ts'),
  },
  {
    name: 'eval',
    usage: 'eval <run or model> <data>',
    summary: 'metrics of a finished model on labelled pictures',
    load: () => import('./commands/eval.ts'),
  },
  {
    name: 'predict',
    usage: 'predict <run or model> <images …>',
    summary: 'label pictures with a finished model',
    load: () => import('./commands/predict.ts'),
  },
  {
    name: 'inspect',
    usage: 'inspect <model>',
    summary: 'layer groups, head, unsupported operators, suggested stages, memory',
    load: () => import('./commands/inspect.ts'),
  },
  {
    name: 'find-lr',
    usage: 'find-lr <model> <data>',
    summary: 'learning-rate range test with a plot and a suggestion',
    load: () => import('./commands/find-lr.ts'),
  },
  {
    name: 'artifacts',
    usage: 'artifacts <model>',
    summary: 'only the compiler: training, evaluation and optimizer graphs, checkpoint, manifest',
    load: () => import('./commands/artifacts.ts'),
  },
  {
    name: 'export',
    usage: 'export <run>',
    summary: 'the finished model again, in another form',
    load: () => import('./commands/export.ts'),
  },
  {
    name: 'models',
    usage: 'models',
    summary: 'good models to start from, by size and licence',
    load: () => import('./commands/models.ts'),
  },
  {
    name: 'doctor',
    usage: 'doctor',
    summary: 'execution providers, versions, memory, what is missing and how to get it',
    load: () => import('./commands/doctor.ts'),
  },
];

const version = (): string =>
  (JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }).version;

async function run(words: readonly string[]): Promise<number> {
  const [name, ...rest] = words;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') return help(rest[0]);
  if (name === '--version' || name === '-v') {
    process.stdout.write(`${version()}\n`);
    return 0;
  }
  const spec = await load(name);
  const before = rest.includes('--') ? rest.slice(0, rest.indexOf('--')) : rest;
  if (before.includes('--help') || before.includes('-h')) return help(name);
  const [{ checkedWords, cittyCommand }, { runCommand }, { Terminal }, { interruptSignal }] = await Promise.all([
    import('./command.ts'),
    import('citty'),
    import('./terminal/terminal.ts'),
    import('./interrupt.ts'),
  ]);
  const rawArgs = checkedWords(spec, rest);
  const { stdout, stderr, env } = process;
  const terminal = new Terminal({ json: rawArgs.includes('--json'), stdout, stderr, env });
  const { signal, release } = interruptSignal(terminal);
  try {
    const command = cittyCommand(spec, { terminal, signal });
    const { result } = await runCommand(command, { rawArgs });
    return (result as number | undefined) ?? 0;
  } finally {
    terminal.clear();
    release();
  }
}

async function load(name: string): Promise<CommandSpec> {
  const found = COMMANDS.find((command) => command.name === name);
  if (found) return (await found.load()).command;
  if (name.startsWith('-')) throw new ThawError('bad-config', `there is no flag ${name} here`, 'See thaw --help');
  const names = COMMANDS.map((command) => command.name);
  throw new ThawError('bad-config', `there is no command ${name}`, nearestHint(name, names));
}

async function help(name?: string): Promise<number> {
  const { commandHelp, mainHelp } = await import('./help.ts');
  const width = Math.min(120, Math.max(60, process.stdout.columns ?? 100));
  const colours = picocolors.createColors(Boolean(process.stdout.isTTY) && !process.env.NO_COLOR);
  const text =
    name === undefined ? mainHelp(COMMANDS, version(), width, colours) : commandHelp(await load(name), width, colours);
  process.stdout.write(`${text}\n`);
  return 0;
}

/** What went wrong, on one line: 2 where the user can mend it, 130 where they stopped it, 1 where it is a bug of ours. */
function explain(error: unknown, debug: boolean): number {
  const say = (text: string) => process.stderr.write(`${text}\n`);
  const stack = (error as Error)?.stack ?? String(error);
  if (error instanceof ThawError) {
    say(`thaw: ${error.line.replace(/\s*\n\s*/g, ' ')}`);
    if (debug) say(stack);
    return 2;
  }
  if ((error as Error)?.name === 'AbortError') {
    say('thaw: stopped; there was nothing to save yet');
    return 130;
  }
  const message = String((error as Error)?.message ?? error).split('\n')[0];
  say(
    `thaw: this is a bug in Thaw: ${message}. ${debug ? 'Please report it with the lines below' : 'Run it again with --debug for the details to report'}`,
  );
  if (debug) say(stack);
  return 1;
}

// Whoever reads our output may stop reading: `thaw predict … | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

const words = process.argv.slice(2);
process.exitCode = await run(words).catch((error) => explain(error, words.includes('--debug')));
