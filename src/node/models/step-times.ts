import * as z from 'zod';
import { MeasuredByMachine } from './by-machine.ts';

/** Measured seconds of a training step. */
export const stepTimes = new MeasuredByMachine('step-times.json', z.number().positive());
