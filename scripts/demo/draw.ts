// Draws the demo's images into a folder, as data for `thaw train` and `thaw sweep`.
//   npx tsx scripts/demo/draw.ts FOLDER            the demo's own split
//   npx tsx scripts/demo/draw.ts FOLDER EmojiOne   the training artists only, one of whom validates: for choosing settings
import process from 'node:process';
import { trainArtists } from './emoji.ts';
import { developmentSplit, drawImages } from './images.ts';

const [folder, artist] = process.argv.slice(2);
const development = trainArtists.find((name) => name === artist);
if (!folder || (artist && !development)) {
  console.error(`Usage: npx tsx scripts/demo/draw.ts FOLDER [${trainArtists.join(' | ')}]`);
  process.exit(2);
}
const { classes, train, val } = await drawImages(folder, development && developmentSplit(development));
console.log(`${classes} classes, ${train} training and ${val} validation images: ${folder}`);
