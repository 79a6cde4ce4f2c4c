import { allFlags, type CommandSpec } from './command.ts';
import { type Colours, columnsOf, padded, styled, type Text } from './terminal/styled.ts';

/** A command as the list shows it, before its file is loaded. */
export interface Listed {
  readonly name: string;
  readonly usage: string;
  readonly summary: string;
}

/** Columns of names at most; a longer one has a line of its own. */
const NAMES = 34;

const table = (rows: readonly (readonly [string, string])[], width: number, c: Colours): Text[] => {
  const left = Math.min(NAMES, Math.max(...rows.map(([name]) => columnsOf(name))));
  return rows.flatMap(([name, text]) => {
    const lines = wrapped(text, Math.max(30, width - left - 4));
    const alone = columnsOf(name) > left;
    return [
      ...(alone ? [styled`  ${c.cyan(name)}`] : []),
      ...lines.map(
        (line, i) => styled`  ${i === 0 && !alone ? c.cyan(padded(name, left)) : ' '.repeat(left)}  ${line}`,
      ),
    ];
  });
};

/** Lines of at most `width` columns, broken between words. */
export function wrapped(text: string, width: number): string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines[lines.length - 1];
    if (line && columnsOf(line) + 1 + columnsOf(word) > width) lines.push(word);
    else lines[lines.length - 1] = line ? `${line} ${word}` : word;
  }
  return lines;
}

/** `thaw --help` */
export function mainHelp(commands: readonly Listed[], version: string, width: number, c: Colours): Text[] {
  return [
    styled`${c.bold('thaw')} ${version}: fine-tune pretrained ONNX models`,
    '',
    styled`${c.bold('Usage')}  thaw <command> …`,
    '',
    ...table(
      commands.map(({ usage, summary }) => [usage, summary]),
      width,
      c,
    ),
    '',
    styled`${c.bold('Start')}  thaw train default IMAGES, with a folder of images for each class in IMAGES`,
    '       thaw <command> --help shows every flag with its default',
  ];
}

/** `thaw train <model> <data> [flags]` */
export const usageOf = ({ name, words }: Pick<CommandSpec, 'name' | 'words'>): string =>
  [
    name,
    ...words.map(({ name: word, optional, many }) => {
      const shown = `${word}${many ? ' …' : ''}`;
      return optional ? `[${shown}]` : `<${shown}>`;
    }),
  ].join(' ');

/** `thaw <command> --help`. No library's: 90 flags need headings, and lines of the terminal's width. */
export function commandHelp(spec: CommandSpec, width: number, c: Colours): Text[] {
  const flags = Object.entries(allFlags(spec));
  const headings = [...new Set(flags.map(([, { under }]) => under ?? 'Flags'))];
  const rows = (heading: string) =>
    flags
      .filter(([, { under }]) => (under ?? 'Flags') === heading)
      .map(([name, { kind, value, does, default: usual }]): [string, string] => [
        `--${name}${kind === 'switch' ? '' : ` ${value ?? 'TEXT'}`}`,
        usual === undefined ? does : `${does} [${usual}]`,
      ]);
  return [
    styled`${c.bold(`thaw ${spec.name}`)}: ${spec.summary}`,
    '',
    styled`${c.bold('Usage')}  thaw ${usageOf(spec)} [flags]`,
    '',
    ...(spec.description ? [...wrapped(spec.description, width), ''] : []),
    ...(spec.words.length
      ? [
          ...table(
            spec.words.map(({ name, does }) => [name, does]),
            width,
            c,
          ),
          '',
        ]
      : []),
    ...headings.flatMap((heading, i) => [...(i ? [''] : []), c.bold(heading), ...table(rows(heading), width, c)]),
    ...(spec.examples?.length ? ['', c.bold('Examples'), ...spec.examples.map((example) => `  ${example}`)] : []),
  ];
}
