// Fine-tunes the embedded model on a folder of images, from JavaScript:
//
//     node examples/train.js ./images
import { train } from 'thaw';

const outcome = await train(
  { model: 'default', data: process.argv[2] ?? './images', settings: { epochs: 6 } },
  {
    onEvent(event) {
      if (event.type === 'epoch') console.log(`epoch ${event.epoch}: accuracy ${event.val.accuracy.toFixed(3)}`);
    },
  },
);
console.log(`${outcome.model} reaches ${outcome.after?.accuracy.toFixed(3)}; see ${outcome.report}`);
