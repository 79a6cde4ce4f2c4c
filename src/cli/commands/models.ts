import { startingPoints } from '../../node/models/index.ts';
import { defineCommand } from '../command.ts';
import { catalogueTable } from '../terminal/catalogue.ts';

export const command = defineCommand({
  name: 'models',
  summary: 'good models to start from, by size and licence',
  words: [],
  flags: {},
  async run({ terminal }) {
    if (terminal.json) terminal.answer(startingPoints());
    else terminal.say(catalogueTable());
    return 0;
  },
});
