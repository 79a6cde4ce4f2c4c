import { diagnose } from '../../node/doctor.ts';
import { defineCommand } from '../command.ts';
import { renderDoctor } from '../terminal/doctor.ts';

export const command = defineCommand({
  name: 'doctor',
  summary: 'execution providers, versions, memory, what is missing and how to get it',
  words: [],
  flags: {},
  async run({ terminal }) {
    terminal.status('trying every device …');
    const doctor = await diagnose();
    terminal.clear();
    if (terminal.json) terminal.answer(doctor);
    else terminal.say(renderDoctor(doctor));
    return 0;
  },
});
