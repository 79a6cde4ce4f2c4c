// Logs runs to Trackio, through its Python package (pip install trackio). `trackio show` opens its dashboard.
// thaw.config.ts:  export default { sinks: [trackio('pets')] }
import { python } from './python.ts';

export const trackio = (project: string) =>
  python(
    'Trackio',
    `
import trackio
def start(run):
    name = run.get("id") or f'{run["name"]}-{run["key"][:6]}'
    trackio.init(${JSON.stringify(project)}, name=name, resume="allow", config=run["config"])
    return name
def metrics(rows):
    for row in rows: trackio.log(row["values"], step=row["epoch"])
def artifacts(files): pass
def end(status): trackio.finish()
`,
  );
