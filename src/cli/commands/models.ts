import { startingPoints } from '../../node/models/index.ts';
import { defineCommand } from '../command.ts';
import { catalogueTable } from '../terminal/catalogue.ts';

export const command = defineCommand({
  name: 'models',
  summary: 'list good models to start from, with size and licence',
  positionals: [],
  flags: {},
  async run({ terminal }) {
    if (terminal.json) terminal.printJson(startingPoints());
    else terminal.print(catalogueTable());
    return 0;
  },
});
