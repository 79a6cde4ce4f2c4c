import { quoted } from '../../node/commands/paths.ts';
import { previewImages } from '../../node/commands/preview.ts';
import { defineCommand } from '../command.ts';
import { modelAndDataOf, readConfigFile, withFlags } from '../config-file.ts';
import { CONFIG_FLAG, DATA_ARGUMENT, IMAGE_FLAGS, only, withHeading } from '../shared-flags.ts';
import { JobDisplay } from '../terminal/job.ts';
import { TRAIN_FLAGS } from '../train-flags.ts';

/** Training settings that change the images, or the choice of images. */
const SETTINGS = ['seed', 'augment', 'mixup', 'cutmix', 'mix-probability', 'val-fraction', 'labels', 'strict'] as const;

export const command = defineCommand({
  name: 'preview',
  summary: 'write a contact sheet of the augmented training images',
  description:
    'Each row shows one training image: first as in evaluation, then its augmented views of the first epochs. The images are drawn from the values that the network gets. The settings are those of thaw train, from flags or thaw.config.',
  positionals: [
    { name: 'model', description: 'the model, which defines the preprocessing, as for thaw train', inConfig: true },
    { ...DATA_ARGUMENT, inConfig: true },
  ],
  flags: {
    out: {
      kind: 'text',
      value: 'FILE',
      description: 'a .png, .jpg or .webp',
      default: 'preview.png',
      heading: 'Sheet',
    },
    images: {
      kind: 'number',
      value: 'N',
      description: 'number of rows, alternating between classes',
      default: '6',
      heading: 'Sheet',
    },
    columns: { kind: 'number', value: 'N', description: 'views of each image', default: '7', heading: 'Sheet' },
    config: { ...CONFIG_FLAG.config, description: 'settings, named like the flags of thaw train', heading: 'Sheet' },
    ...only(TRAIN_FLAGS, SETTINGS),
    ...withHeading(IMAGE_FLAGS, TRAIN_FLAGS.preprocessing.heading),
  },
  examples: [
    'thaw preview default images --augment heavy',
    'thaw preview model.onnx images --mixup 0.2 --out mixup.jpg',
  ],
  async run({ positionals, values, terminal, signal }) {
    const { out, images, columns, config, ...flags } = values;
    const file = await readConfigFile(config);
    const request = {
      ...modelAndDataOf('preview', positionals, file),
      out,
      images,
      columns,
      settings: withFlags(file, flags),
    };
    const preview = await previewImages(request, { onEvent: new JobDisplay(terminal).show, signal });
    if (terminal.json) terminal.printJson(preview);
    terminal.print(`sheet  ${quoted(preview.file)}`);
    return 0;
  },
});
