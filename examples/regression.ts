// Learns a number from images, such as a price:  npx tsx examples/regression.ts table.csv image.jpg
// The table has the columns file_name and price.
import { fineTune, loadModel } from 'thaw';

const [data = 'table.csv', image = 'image.jpg'] = process.argv.slice(2);
const result = await fineTune({ task: 'regression', model: 'default', data, settings: { epochs: 6 } }).result;
if (result.status !== 'finished') throw new Error(`the training is ${result.status}`);
console.log(`mean absolute error ${result.after.mae}, R² ${result.after.r2}`);
const estimate = await loadModel(result.model, { task: 'regression' });
console.log((await estimate(image)).values);
