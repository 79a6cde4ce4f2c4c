// Draws the tasks of the experiments behind the defaults.
//   npx tsx scripts/defaults/draw.ts FOLDER                  drawings and texts
//   npx tsx scripts/defaults/draw.ts FOLDER --photos DIR     also photographs: DIR has hymenoptera and animals, each with train and val
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { writeTables } from './split.ts';
import { TASKS } from './tasks.ts';

const {
  values: { photos },
  positionals: [folder],
} = parseArgs({ allowPositionals: true, options: { photos: { type: 'string' } } });
if (!folder) {
  console.error('Usage: npx tsx scripts/defaults/draw.ts FOLDER [--photos DIR]');
  process.exit(2);
}
for (const [name, { samples, draw }] of Object.entries(TASKS)) {
  if (samples === 'photos' && photos === undefined) {
    console.log(`${name}: skipped, because it needs --photos`);
    continue;
  }
  const path = join(folder, name);
  await rm(path, { recursive: true, force: true });
  await draw(path, photos ?? '');
  await writeTables(path);
  console.log(`${name}: ${path}`);
}
