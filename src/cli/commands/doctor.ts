import { diagnose } from '../../node/doctor.ts';
import { defineCommand } from '../command.ts';
import { renderDoctor } from '../terminal/doctor.ts';

export const command = defineCommand({
  name: 'doctor',
  summary: 'show devices, versions, memory, and how to get missing parts',
  positionals: [],
  flags: {},
  async run({ terminal }) {
    terminal.status('checking every device …');
    const doctor = await diagnose();
    terminal.clear();
    if (terminal.json) terminal.printJson(doctor);
    else terminal.print(renderDoctor(doctor, terminal.width));
    return 0;
  },
});
