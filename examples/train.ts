// Fine-tunes the embedded model on a folder of images, with progress:  npx tsx examples/train.ts ./images
import { fineTune } from 'thaw';

const training = fineTune({ model: 'default', data: process.argv[2] ?? './images', settings: { epochs: 6 } });
for await (const event of training) {
  if (event.type === 'stage') console.log(`stage ${event.stage} trains ${event.train}`);
  if (event.type === 'epoch') console.log(`epoch ${event.epoch}: accuracy ${event.val.accuracy}`);
}
const result = await training.result;
if (result.status === 'finished') console.log(`${result.model}: accuracy ${result.after.accuracy}`);
