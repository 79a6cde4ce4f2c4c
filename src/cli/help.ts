import { recommendedModel } from '../catalogue.ts';
import { allFlags, type CommandSpec } from './command.ts';
import { type Colours, styled, type Text, wrapped } from './terminal/styled.ts';
import { definitions } from './terminal/table.ts';

/** A command in the list of commands, before its file is loaded. */
export interface Listed {
  readonly name: string;
  readonly usage: string;
  readonly summary: string;
}

/** `thaw --help` */
export function mainHelp(commands: readonly Listed[], version: string, width: number, c: Colours): Text[] {
  return [
    styled`${c.bold('thaw')} ${version}: fine-tune pretrained ONNX models`,
    '',
    styled`${c.bold('Usage')}  thaw <command> …`,
    '',
    ...definitions(
      commands.map(({ usage, summary }) => [c.cyan(usage), summary]),
      width,
    ),
    '',
    styled`${c.bold('Start')}  thaw train ${recommendedModel('photos').name} IMAGES`,
    '       IMAGES is a folder with one folder of photos per class.',
    '       thaw models lists other models: for photographs, drawings and texts.',
    '       thaw <command> --help lists all flags with their defaults.',
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
  const rows = (heading: string): [Text, string][] =>
    flags
      .filter(([, flag]) => (flag.heading ?? 'Flags') === heading)
      .map(([name, { kind, value, description, default: usual }]) => [
        c.cyan(`--${name}${kind === 'switch' ? '' : ` ${value ?? 'TEXT'}`}`),
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
          ...definitions(
            spec.positionals.map(({ name, description }) => [c.cyan(name), description]),
            width,
          ),
          '',
        ]
      : []),
    ...headings.flatMap((heading, i) => [...(i ? [''] : []), c.bold(heading), ...definitions(rows(heading), width)]),
    ...(spec.examples?.length ? ['', c.bold('Examples'), ...spec.examples.map((example) => `  ${example}`)] : []),
  ];
}
