import { existsSync } from 'node:fs';
import { CATALOGUE, type CatalogueModel } from '../../catalogue.ts';
import { embeddedFolder } from './folder.ts';

/** A model to start from. */
export interface StartingPoint extends CatalogueModel {
  readonly command: string;
}

/** The starting points, the recommended ones of a use first. Uses no network. */
export const startingPoints = (): StartingPoint[] =>
  CATALOGUE.filter(({ address }) => address !== 'default' || existsSync(embeddedFolder)).map((model) => ({
    ...model,
    command: `thaw train ${model.name} ${model.use === 'texts' ? 'TEXTS' : 'IMAGES'}`,
  }));
