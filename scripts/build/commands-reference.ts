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
import { anchorOf } from '../site/links.ts';

export const REFERENCE = 'docs/commands.md';

/** In the order in which `thaw --help` lists them. */
const allCommands = async (): Promise<CommandSpec[]> =>
  Promise.all(COMMANDS.map(async ({ load }) => (await load()).command));

/** A table cell, with escaped characters that would end it or look like HTML. */
const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '&lt;');

const row = (name: string, { kind, value, description, default: usual }: Flag): string =>
  `| \`--${name}${kind === 'switch' ? '' : ` ${value ?? 'TEXT'}`}\` | ${cell(description)} | ${usual === undefined ? '' : cell(usual)} |`;

const rowsOf = (flags: Flags, heading: string): string[] => [
  `| ${heading} | | default |`,
  '| --- | --- | --- |',
  ...Object.entries(flags).map(([name, flag]) => row(name, flag)),
  '',
];

/** A command's flags under one heading of its help. */
interface Table {
  readonly command: string;
  readonly heading: string;
  readonly flags: Flags;
}

function tablesOf(spec: CommandSpec): Table[] {
  const own = Object.entries(allFlags(spec)).filter(([name]) => !Object.hasOwn(GLOBAL_FLAGS, name));
  const headings = [...new Set(own.map(([, { heading }]) => heading))];
  return headings.map((heading = 'Flags') => ({
    command: spec.name,
    heading,
    flags: Object.fromEntries(own.filter(([, flag]) => (flag.heading ?? 'Flags') === heading)),
  }));
}

/** The first table of another command that has all rows of this one, unless this one comes first. */
function sharedWith(table: Table, all: readonly Table[]): Table | undefined {
  const rows = Object.entries(table.flags).map(([name, flag]) => row(name, flag));
  const whole = all.find(({ heading, flags }) => {
    const others = new Set(Object.entries(flags).map(([name, flag]) => row(name, flag)));
    return heading === table.heading && rows.every((one) => others.has(one));
  });
  return whole?.command === table.command ? undefined : whole;
}

const names = (flags: readonly string[]): string => flags.map((name) => `\`--${name}\``).join(', ');

/** A link to the table that has a command's flags, with the flags that the command lacks, or the few that it has. */
function linkTo({ command, heading, flags }: Table, own: Flags): string {
  const lacks = Object.keys(flags).filter((name) => !Object.hasOwn(own, name));
  const has = Object.keys(own);
  const part = lacks.length > has.length ? `: only ${names(has)}` : `, without ${names(lacks)}`;
  return `- [${heading}](#${anchorOf(titleOf({ command, heading }))})${lacks.length ? part : ''}`;
}

const titleOf = ({ command, heading }: Pick<Table, 'command' | 'heading'>): string =>
  heading === 'Flags' ? `Flags of thaw ${command}` : heading;

function section(spec: CommandSpec, all: readonly Table[]): string[] {
  const tables = all
    .filter(({ command }) => command === spec.name)
    .map((table) => ({ table, shared: sharedWith(table, all) }));
  const isLinked = (table: Table) => all.some((other) => sharedWith(other, all) === table);
  const links = tables.flatMap(({ table, shared }) => (shared ? [linkTo(shared, table.flags)] : []));
  const sentence = `${spec.summary[0]?.toUpperCase()}${spec.summary.slice(1)}.`;
  return [
    `## thaw ${spec.name}`,
    '',
    ...['```', `thaw ${usageOf(spec)} [flags]`, '```', ''],
    [sentence, spec.description].filter(Boolean).join(' '),
    '',
    ...spec.positionals.map(({ name, description }) => `- \`<${name}>\`: ${description}`),
    ...(spec.positionals.length ? [''] : []),
    ...(spec.examples?.length ? ['```sh', ...spec.examples, '```', ''] : []),
    ...tables.flatMap(({ table, shared }) => [
      ...(!shared && isLinked(table) ? [`### ${titleOf(table)}`, ''] : []),
      ...(shared ? [] : rowsOf(table.flags, table.heading)),
    ]),
    ...(links.length ? [tables.length > links.length ? 'It also takes:' : 'It takes:', '', ...links, ''] : []),
  ];
}

/** The text of docs/commands.md. */
export async function commandsReference(): Promise<string> {
  const commands = await allCommands();
  const tables = commands.flatMap(tablesOf);
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
    '| command | |',
    '| --- | --- |',
    ...commands.map(({ name, summary }) => `| [thaw ${name}](#thaw-${name}) | ${cell(summary)} |`),
    '',
    ...rowsOf(GLOBAL_FLAGS, 'every command'),
    ...commands.flatMap((spec) => section(spec, tables)),
  ]
    .join('\n')
    .trimEnd()}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(REFERENCE, await commandsReference());
