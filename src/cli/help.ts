import type picocolors from 'picocolors';
import { allFlags, type CommandSpec } from './command.ts';

type Colours = ReturnType<typeof picocolors.createColors>;

/** A command as the list shows it, before its file is loaded. */
export interface Listed {
  readonly name: string;
  readonly usage: string;
  readonly summary: string;
}

const table = (rows: readonly (readonly [string, string])[], width: number, c: Colours): string[] => {
  const left = Math.min(34, Math.max(...rows.map(([name]) => name.length)));
  return rows.flatMap(([name, text]) => {
    const lines = wrapped(text, Math.max(30, width - left - 4));
    const first = name.length > left ? [`  ${c.cyan(name)}`, ''] : [];
    return [
      ...first.slice(0, 1),
      ...lines.map((line, i) => {
        const label = i === 0 && !first.length ? name.padEnd(left) : ' '.repeat(left);
        return `  ${i === 0 ? c.cyan(label) : label}  ${line}`.trimEnd();
      }),
    ];
  });
};

/** Lines of at most `width` characters, broken between words. */
export function wrapped(text: string, width: number): string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines[lines.length - 1];
    if (line && line.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = line ? `${line} ${word}` : word;
  }
  return lines;
}

/** `thaw --help` */
export function mainHelp(commands: readonly Listed[], version: string, width: number, c: Colours): string {
  return [
    `${c.bold('thaw')} ${version}: fine-tune pretrained ONNX models`,
    '',
    `${c.bold('Usage')}  thaw <command> …`,
    '',
    ...table(
      commands.map(({ usage, summary }) => [usage, summary]),
      width,
      c,
    ),
    '',
    `${c.bold('Start')}  thaw train default PICTURES, with a folder of pictures for each class in PICTURES`,
    `       thaw <command> --help shows every flag with its default`,
  ].join('\n');
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

/** `thaw <command> --help` */
export function commandHelp(spec: CommandSpec, width: number, c: Colours): string {
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
    `${c.bold(`thaw ${spec.name}`)}: ${spec.summary}`,
    '',
    `${c.bold('Usage')}  thaw ${usageOf(spec)} [flags]`,
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
    ...headings.flatMap((heading) => [c.bold(heading), ...table(rows(heading), width, c), '']),
    ...(spec.examples?.length ? [c.bold('Examples'), ...spec.examples.map((example) => `  ${example}`)] : []),
  ]
    .join('\n')
    .trimEnd();
}
