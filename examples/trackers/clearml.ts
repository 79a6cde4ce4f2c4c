// Logs runs to ClearML, through its Python package (pip install clearml; clearml-init).
// thaw.config.ts:  export default { sinks: [clearml('pets')] }
import { python } from './python.ts';

export const clearml = (project: string) =>
  python(
    'ClearML',
    `
from clearml import Task
def start(run):
    options = dict(continue_last_task=run.get("id", False), auto_connect_frameworks=False)
    task = Task.init(${JSON.stringify(project)}, run["name"], reuse_last_task_id=False, **options)
    task.connect(run["config"])
    return task.id
def metrics(rows):
    report = Task.current_task().get_logger().report_scalar
    for row in rows:
        for name, value in row["values"].items(): report(*name.rpartition("/")[::2], value, row["epoch"])
def artifacts(files):
    for file in files: Task.current_task().upload_artifact(file["name"], file["path"])
def end(status): Task.current_task().mark_completed() if status == "finished" else Task.current_task().mark_stopped()
`,
  );
