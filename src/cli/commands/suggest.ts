import { suggest } from '../../node/commands/suggest/index.ts';
import { checkDestinations, copyToLabel, tableToLabel } from '../../node/commands/suggest/to-label.ts';
import { plural } from '../../report/format.ts';
import { strategies } from '../../suggest/index.ts';
import { defineCommand } from '../command.ts';
import { CLASSIFIER_FLAGS, FINISHED_MODEL_ARGUMENT, without } from '../shared-flags.ts';
import { JobDisplay } from '../terminal/job.ts';
import { fitted, joined, padded, styled } from '../terminal/styled.ts';

/** Columns for the start of a text. */
const TEXT = 60;

export const command = defineCommand({
  name: 'suggest',
  summary: 'choose the unlabelled images or texts that are best to label next',
  description:
    'Leaves out images that are in the data of the run, and exact copies. Never moves a file. See docs/suggest.md.',
  positionals: [
    FINISHED_MODEL_ARGUMENT,
    {
      name: 'images',
      description: 'unlabelled images or folders of images; or texts, as for thaw predict',
      many: true,
    },
  ],
  flags: {
    count: { kind: 'number', value: 'N', description: 'number of images to choose', default: '20' },
    strategy: {
      kind: 'one',
      of: strategies,
      value: 'NAME',
      description:
        'combined (typical images of groups, unsure ones first), margin (two classes are nearly equal), uncertainty (entropy), diversity (k-centre over the features)',
      default: 'combined; diversity for models without classes',
    },
    copy: {
      kind: 'text',
      value: 'DIR',
      description: 'copy the images into a new folder, next to an empty folder for each class, to sort them there',
    },
    csv: { kind: 'text', value: 'FILE', description: 'write a table with an empty column for the labels' },
    seed: { kind: 'number', value: 'N', description: 'random seed', default: '0' },
    texts: { kind: 'switch', description: 'read all arguments as texts, not as files' },
    ...without(CLASSIFIER_FLAGS, ['tta']),
  },
  examples: [
    'thaw suggest runs/images-1 unlabelled --count 20',
    'thaw suggest runs/images-1 unlabelled --copy to-label',
    'thaw suggest runs/images-1 unlabelled --csv to-label.csv',
  ],
  async run({ positionals: [model, ...images], values, terminal, signal }) {
    const { count, strategy, copy, csv, seed, texts, strict, ...settings } = values;
    const display = new JobDisplay(terminal);
    const request = { model, images, texts, count, strategy, seed, strict, settings };
    await checkDestinations({ copy, csv });
    const found = await suggest(request, { onEvent: display.show, signal });
    if (copy !== undefined) await copyToLabel(found, copy);
    if (csv !== undefined) await tableToLabel(found, csv);
    if (terminal.json) terminal.printJson(found);
    const { colours: c } = terminal;
    const { suggestions, candidates, excluded } = found;
    const digits = String(suggestions.length).length;
    for (const [i, { file, text, reason }] of suggestions.entries()) {
      const shown = text === undefined ? file : fitted(text.replace(/\s+/g, ' '), TEXT);
      terminal.print(joined([padded(String(i + 1), digits, 'start'), shown, c.dim(reason)], '  '), digits + 2);
    }
    terminal.print();
    terminal.print(
      styled`${c.dim('chosen  ')}  ${suggestions.length} of ${plural(candidates, 'candidate')}, by ${found.strategy}`,
    );
    const left = [
      ...(excluded.labelled ? [`${excluded.labelled} labelled already`] : []),
      ...(excluded.copies ? [plural(excluded.copies, 'exact copy', 'exact copies')] : []),
    ];
    if (left.length) terminal.print(styled`${c.dim('left out')}  ${left.join(', ')}`);
    if (copy !== undefined) terminal.print(styled`${c.dim('copied  ')}  ${copy}`);
    if (csv !== undefined) terminal.print(styled`${c.dim('table   ')}  ${csv}`);
    return 0;
  },
});
