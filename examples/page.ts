// Trains in a page, on images that the user picks: cat-1.jpg, dog-1.jpg, …
// The page has <input type="file" multiple> and <pre>, and serves the model.
import { startWorker } from 'thaw/web';

const input = document.querySelector('input')!;
const log = document.querySelector('pre')!;
const worker = startWorker();
worker.listen((event) => {
  if (event.type === 'epoch') log.append(`epoch ${event.epoch}: accuracy ${event.val.accuracy}\n`);
});
input.onchange = async () => {
  const samples = Array.from(input.files!, (image) => ({ image, label: image.name.split('-')[0] }));
  const training = await worker.open({ model: '/model/', samples });
  await training.train();
  const result = await training.finish();
  log.append(`${result.status}: ${result.files.length} files of a model for transformers.js\n`);
};
