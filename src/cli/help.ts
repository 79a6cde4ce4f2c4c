import { recommendedModel } from '../catalogue.ts';
import { allFlags, type CommandSpec } from './command.ts';
import { type Colours, columnsOf, padded, styled, type Text } from './terminal/styled.ts';

/** A command in the list of commands, before its file is loaded. */
export interface Listed {
  readonly name: string;
  readonly usage: string;
  readonly summary: string;
}

/** Maximum width of the name column. A longer name gets its own line. */
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

/** Breaks a text between words into lines of at most `width` columns. */
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
    styled`${c.bold('Start')}  thaw train ${recommendedModel('photos').name} IMAGES, where IMAGES has one folder of photos per class`,
    '       thaw models lists other models: for photographs, drawings and texts',
    '       thaw <command> --help shows every flag with its default',
  ];
}

/** `thaw train <model> <data> [flags]` */
export const usageOf = ({ name, positionals }: Pick<CommandSpec, 'name' | 'positionals'>): string =>
  [
    name,
    ...positionals.map(({ name: word, optional, many }) => {
      const shown = `${word}${many ? ' …' : ''}`;
      return optional ? `[${shown}]` : `<${shown}>`;
    }),
  ].join(' ');

/** `thaw <command> --help`. Thaw renders it itself, because 90 flags need headings and the terminal's width. */
export function commandHelp(spec: CommandSpec, width: number, c: Colours): Text[] {
  const flags = Object.entries(allFlags(spec));
  const headings = [...new Set(flags.map(([, { heading }]) => heading ?? 'Flags'))];
  const rows = (heading: string) =>
    flags
      .filter(([, flag]) => (flag.heading ?? 'Flags') === heading)
      .map(([name, { kind, value, description, default: usual }]): [string, string] => [
        `--${name}${kind === 'switch' ? '' : ` ${value ?? 'TEXT'}`}`,
        usual === undefined ? description : `${description} [${usual}]`,
      ]);
  return [
    styled`${c.bold(`thaw ${spec.name}`)}: ${spec.summary}`,
    '',
    styled`${c.bold('Usage')}  thaw ${usageOf(spec)} [flags]`,
    '',
    ...(spec.description ? [...wrapped(spec.description, width), ''] : []),
    ...(spec.positionals.length
      ? [
          ...table(
            spec.positionals.map(({ name, description }) => [name, description]),
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
