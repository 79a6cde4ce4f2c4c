// Logs runs to Weights & Biases, through its Python package (pip install wandb; wandb login).
// thaw.config.ts:  export default { sinks: [wandb('pets')] }
import { python } from './python.ts';

export const wandb = (project: string) =>
  python(
    'Weights & Biases',
    `
import wandb
def start(run):
    options = dict(name=run["name"], id=run.get("id", run["key"]), resume="allow", config=run["config"])
    return wandb.init(project=${JSON.stringify(project)}, **options).id
def metrics(rows):
    for row in rows: wandb.log(row["values"], step=row["epoch"])
def artifacts(files):
    model = wandb.Artifact(f"model-{wandb.run.id}", "model")
    for file in files: model.add_file(file["path"], file["name"])
    wandb.log_artifact(model)
def end(status): wandb.finish(exit_code=0 if status == "finished" else 1)
`,
  );
