// Fine-tunes the embedded model on a folder of pictures, from JavaScript:
//
//     node examples/train.js ./pictures
import { jobs } from 'thaw';

const [, , pictures] = process.argv;
const outcome = await jobs.train(
  { model: 'default', data: pictures, settings: { epochs: 6 } },
  {
    onEvent(event) {
      if (event.type === 'epoch') console.log(`epoch ${event.row.epoch}: accuracy ${event.row.val.accuracy.toFixed(3)}`);
    },
  },
);
console.log(outcome);
