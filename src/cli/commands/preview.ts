import { quoted } from '../../node/commands/paths.ts';
import { previewImages } from '../../node/commands/preview.ts';
import { defineCommand } from '../command.ts';
import { readConfigFile, subjectOf, withFlags } from '../config-file.ts';
import { CONFIG_FLAG, DATA_WORD, IMAGE_FLAGS, only, underHeading } from '../shared-flags.ts';
import { JobDisplay } from '../terminal/job.ts';
import { TRAIN_FLAGS } from '../train-flags.ts';

/** Settings of a training that change what its images look like, or which they are. */
const SETTINGS = ['seed', 'augment', 'mixup', 'cutmix', 'mix-probability', 'val-fraction', 'labels', 'strict'] as const;

export const command = defineCommand({
  name: 'preview',
  summary: 'a contact sheet of the images as a training will show them',
  description:
    'Each row is a training image: as it is evaluated, then in the views of the first epochs, made of the numbers that the network is given. The settings are those of thaw train, from flags or thaw.config.',
  words: [
    { name: 'model', does: 'says how images become its input, as for thaw train', inConfig: true },
    { ...DATA_WORD, inConfig: true },
  ],
  flags: {
    out: { kind: 'text', value: 'FILE', does: 'a .png, .jpg or .webp', default: 'preview.png', under: 'Sheet' },
    images: { kind: 'number', value: 'N', does: 'rows, the classes taking turns', default: '6', under: 'Sheet' },
    columns: { kind: 'number', value: 'N', does: 'views of each image', default: '7', under: 'Sheet' },
    config: { ...CONFIG_FLAG.config, does: 'settings by the names of the flags of thaw train', under: 'Sheet' },
    ...only(TRAIN_FLAGS, SETTINGS),
    ...underHeading(IMAGE_FLAGS, TRAIN_FLAGS.preprocessing.under),
  },
  examples: [
    'thaw preview default images --augment heavy',
    'thaw preview model.onnx images --mixup 0.2 --out mixup.jpg',
  ],
  async run({ words, values, terminal, signal }) {
    const { out, images, columns, config, ...flags } = values;
    const file = await readConfigFile(config);
    const request = { ...subjectOf('preview', words, file), out, images, columns, settings: withFlags(file, flags) };
    const preview = await previewImages(request, { onEvent: new JobDisplay(terminal).take, signal });
    if (terminal.json) terminal.answer(preview);
    terminal.say(`sheet  ${quoted(preview.file)}`);
    return 0;
  },
});
