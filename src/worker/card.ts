import type { Verification } from '../export/index.ts';
import type { OpenRequest } from './protocol.ts';

/** The model card of a classifier that a page trained. @param accuracy on the images held out for validation, 0 … 1 */
export const cardOf = ({ classes }: OpenRequest, accuracy: number, { holds, maxDifference }: Verification): string =>
  [
    '---',
    'library_name: transformers.js',
    'pipeline_tag: image-classification',
    '---',
    '# An image classifier',
    '',
    `Fine-tuned with Thaw for ${classes.length} classes. ${(100 * accuracy).toFixed(1)} % of the images held out for validation are recognized.`,
    '',
    ...(holds
      ? []
      : [`Its answers differ from those of the training by up to ${maxDifference}: measure it before you use it.`, '']),
    '```js',
    "import { pipeline } from '@huggingface/transformers';",
    "const classify = await pipeline('image-classification', 'PATH OF THIS FOLDER');",
    '```',
    '',
  ].join('\n');
