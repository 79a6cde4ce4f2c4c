// Draws the pictograms that the pretraining leaves out: data for `thaw train default FOLDER`.
//   npx tsx scripts/pretrain/draw-held-out.ts FOLDER
import { drawHeldOutImages } from './held-out-images.ts';

const [folder] = process.argv.slice(2);
if (!folder) {
  console.error('Usage: npx tsx scripts/pretrain/draw-held-out.ts FOLDER');
  process.exit(2);
}
const { concepts, train, val } = await drawHeldOutImages(folder);
console.log(
  `${concepts.length} concepts, ${train} drawings to train on, ${val} by other artists to validate: ${folder}`,
);
