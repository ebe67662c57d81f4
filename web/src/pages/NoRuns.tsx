import type { ReactElement } from "react";
import { Empty, Link, Snippet } from "../components/basic";
import { t } from "../messages";

export function NoRuns({ project }: { project: string }): ReactElement {
  return (
    <main className="page narrow">
      <Empty title={t("runs.none")}>
        <FirstRun project={project} />
      </Empty>
    </main>
  );
}

/** What to paste to see a first run, with the address of this very server. */
export function FirstRun({ project }: { project: string }): ReactElement {
  const code = `import madang

with madang.init(project=${JSON.stringify(project)}, config={"lr": 0.01}) as run:
    for step in range(100):
        run.log({"train/loss": 1 / (step + 1)}, step=step)`;
  return (
    <>
      <p>{t("runs.none.sdk")}</p>
      <Snippet label="train.py" code={code} />
      <p>{t("runs.none.run")}</p>
      <Snippet label="shell" code="madang run -- python train.py" />
      <p>{t("runs.none.hub")}</p>
      <Snippet label="shell" code={`export MADANG_HUB=${location.origin}\nmadang login`} />
      <p>
        {t("runs.none.clients")} <Link to="/authorize">{t("runs.none.key")}</Link>
      </p>
      <Snippet label="shell" code={`export WANDB_BASE_URL=${location.origin}\nexport MLFLOW_TRACKING_URI=${location.origin}`} />
    </>
  );
}
