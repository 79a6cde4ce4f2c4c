/** The tasks of the experiments, and how to draw each of them. */
import { mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { drawHeldOutImages } from '../pretrain/held-out-images.ts';
import { drawEmoji, type EmojiCategory, trainSets } from './emoji.ts';
import { copyPhotos } from './photos.ts';
import { drawTexts } from './texts.ts';

export interface Task {
  /** The defaults were chosen on development tasks. The other tasks judge them. */
  readonly development: boolean;
  readonly samples: 'drawings' | 'photos' | 'texts';
  /**
   * Writes `train` and `held-out` into a folder: class folders of images, or tables of texts.
   * @param photos folder with `hymenoptera` and `animals`; only tasks of photographs read it
   */
  readonly draw: (folder: string, photos: string) => Promise<void>;
}

const drawings = (draw: Task['draw'], development = false): Task => ({ development, samples: 'drawings', draw });
const photos = (draw: Task['draw'], development = false): Task => ({ development, samples: 'photos', draw });

const emoji = (category: string, except = ''): EmojiCategory => ({ category, except: except.split(' ') });

/** Without plants, parts of animals, and a second emoji of the same animal. */
const ANIMALS = emoji(
  'Animals & Nature',
  'blossom bouquet cactus cherryblossom deciduoustree fourleafclover herb hibiscus mapleleaf mushroom palmtree rose rosette ' +
    'seedling sunflower tulip whiteflower cowface horseface monkeyface poodle hatchingchick rooster pawprints waterbuffalo ' +
    'spiderweb spiralshell bug ox',
);

export const TASKS: Readonly<Record<string, Task>> = {
  'emoji-animals': drawings((folder) => drawEmoji(folder, ANIMALS), true),
  'emoji-food': drawings(
    (folder) => drawEmoji(folder, emoji('Food & Drink', 'forkandknife hotbeverage steamingbowl')),
    true,
  ),
  pictograms: drawings(drawPictograms, true),
  hymenoptera: photos((folder, from) => copyPhotos(join(from, 'hymenoptera'), folder), true),

  'emoji-animals-small': drawings((folder) => drawEmoji(folder, ANIMALS, trainSets.slice(0, 2))),
  'emoji-faces': drawings((folder) => drawEmoji(folder, emoji('Smileys & Emotion'))),
  'emoji-travel': drawings((folder) => drawEmoji(folder, emoji('Travel & Places'))),
  'emoji-objects': drawings((folder) => drawEmoji(folder, emoji('Objects'))),
  'emoji-activities': drawings((folder) => drawEmoji(folder, emoji('Activities'))),
  animals: photos((folder, from) => copyPhotos(join(from, 'animals'), folder)),
  'hymenoptera-small': photos((folder, from) => copyPhotos(join(from, 'hymenoptera'), folder, () => 15)),
  'hymenoptera-unbalanced': photos((folder, from) =>
    copyPhotos(join(from, 'hymenoptera'), folder, (label, all) => (label === 'bees' ? Math.round(all / 6) : all)),
  ),
  texts: { development: false, samples: 'texts', draw: drawTexts },
};

async function drawPictograms(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await drawHeldOutImages(folder);
  await rename(join(folder, 'val'), join(folder, 'held-out'));
}
