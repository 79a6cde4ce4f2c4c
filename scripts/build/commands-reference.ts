/**
 * Writes docs/commands.md from the definitions of the commands:
 *
 *     npm run docs
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { allFlags, type CommandSpec, GLOBAL_FLAGS } from '../../src/cli/command.ts';
import { COMMANDS } from '../../src/cli/commands/index.ts';
import type { Flag, Flags } from '../../src/cli/flags.ts';
import { usageOf } from '../../src/cli/help.ts';

export const REFERENCE = 'docs/commands.md';

/** In the order in which `thaw --help` lists them. */
const allCommands = async (): Promise<CommandSpec[]> =>
  Promise.all(COMMANDS.map(async ({ load }) => (await load()).command));

/** A table cell, with escaped characters that would end it or look like HTML. */
const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '&lt;');

const row = (name: string, { kind, value, description, default: usual }: Flag): string =>
  `| \`--${name}${kind === 'switch' ? '' : ` ${value ?? 'TEXT'}`}\` | ${cell(description)} | ${usual === undefined ? '' : cell(usual)} |`;

const table = (flags: Flags, heading: string): string[] => [
  `| ${heading} | | default |`,
  '| --- | --- | --- |',
  ...Object.entries(flags).map(([name, flag]) => row(name, flag)),
  '',
];

function section(spec: CommandSpec): string[] {
  const own = Object.entries(allFlags(spec)).filter(([name]) => !Object.hasOwn(GLOBAL_FLAGS, name));
  const headings = [...new Set(own.map(([, { heading }]) => heading ?? 'Flags'))];
  const sentence = `${spec.summary[0]?.toUpperCase()}${spec.summary.slice(1)}.`;
  return [
    `## thaw ${spec.name}`,
    '',
    ...['```', `thaw ${usageOf(spec)} [flags]`, '```', ''],
    [sentence, spec.description].filter(Boolean).join(' '),
    '',
    ...spec.positionals.map(({ name, description }) => `- \`<${name}>\`: ${description}`),
    ...(spec.positionals.length ? [''] : []),
    ...headings.flatMap((heading) =>
      table(Object.fromEntries(own.filter(([, flag]) => (flag.heading ?? 'Flags') === heading)), heading),
    ),
    ...(spec.examples?.length ? ['```sh', ...spec.examples, '```', ''] : []),
  ];
}

/** The text of docs/commands.md. */
export async function commandsReference(): Promise<string> {
  return `${[
    '# Commands',
    '',
    '<!-- Written by `npm run docs` from src/cli/commands. -->',
    '',
    'Exit codes: 0 done; 2 an error that the user can fix, on one line; 1 a bug in Thaw; 130 interrupted, after saving.',
    '',
    'With `--json`, a failure is also a JSON document, on the last line of stdout: `{ "type": "error", "code", "message", "hint" }`. `code` is that of a',
    '`ThawError` (such as `bad-config` or `bad-data`), `stopped`, `ended` (the system ended the process) or `bug`.',
    '',
    ...table(GLOBAL_FLAGS, 'every command'),
    ...(await allCommands()).flatMap(section),
  ]
    .join('\n')
    .trimEnd()}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(REFERENCE, await commandsReference());
