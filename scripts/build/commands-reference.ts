/**
 * Writes docs/commands.md from what the commands say of themselves:
 *
 *     npm run docs
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { allFlags, COMMON, type CommandSpec } from '../../src/cli/command.ts';
import { COMMANDS } from '../../src/cli/commands/index.ts';
import type { Flag, Flags } from '../../src/cli/flags.ts';
import { usageOf } from '../../src/cli/help.ts';

export const REFERENCE = 'docs/commands.md';

/** In the order in which `thaw --help` lists them. */
const allCommands = async (): Promise<CommandSpec[]> =>
  Promise.all(COMMANDS.map(async ({ load }) => (await load()).command));

/** A table's cell: what would end it or look like HTML is escaped. */
const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '&lt;');

const row = (name: string, { kind, value, does, default: usual }: Flag): string =>
  `| \`--${name}${kind === 'switch' ? '' : ` ${value ?? 'TEXT'}`}\` | ${cell(does)} | ${usual === undefined ? '' : cell(usual)} |`;

const table = (flags: Flags, heading: string): string[] => [
  `| ${heading} | | default |`,
  '| --- | --- | --- |',
  ...Object.entries(flags).map(([name, flag]) => row(name, flag)),
  '',
];

function section(spec: CommandSpec): string[] {
  const own = Object.entries(allFlags(spec)).filter(([name]) => !Object.hasOwn(COMMON, name));
  const headings = [...new Set(own.map(([, { under }]) => under ?? 'Flags'))];
  const sentence = `${spec.summary[0]?.toUpperCase()}${spec.summary.slice(1)}.`;
  return [
    `## thaw ${spec.name}`,
    '',
    ...['```', `thaw ${usageOf(spec)} [flags]`, '```', ''],
    [sentence, spec.description].filter(Boolean).join(' '),
    '',
    ...spec.words.map(({ name, does }) => `- \`<${name}>\`: ${does}`),
    ...(spec.words.length ? [''] : []),
    ...headings.flatMap((heading) =>
      table(Object.fromEntries(own.filter(([, { under }]) => (under ?? 'Flags') === heading)), heading),
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
    'Exit codes: 0 done; 2 something the user can mend, said in one line; 1 a bug of ours; 130 interrupted, after saving.',
    '',
    ...table(COMMON, 'every command'),
    ...(await allCommands()).flatMap(section),
  ]
    .join('\n')
    .trimEnd()}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(REFERENCE, await commandsReference());
