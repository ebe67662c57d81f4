import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, type ReactElement, useState } from "react";
import { api } from "../api/client";
import { ErrorBox, Snippet } from "../components/basic";
import { t } from "../messages";

export function SignIn(): ReactElement {
  const client = useQueryClient();
  const [token, setToken] = useState("");
  const [error, setError] = useState<unknown>(null);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    try {
      await api.signIn(token.trim());
      setError(null);
      await client.resetQueries();
    } catch (failure) {
      setError(failure);
    }
  };
  return (
    <main className="page narrow sign-in">
      <h1>{t("signin")}</h1>
      <p>{t("signin.why")}</p>
      <form className="row-form" onSubmit={(event) => void submit(event)}>
        <input className="input" type="password" autoFocus autoComplete="current-password" aria-label={t("signin.token")} placeholder="mdg_…" value={token} onChange={(event) => setToken(event.target.value)} />
        <button type="submit" className="button primary">
          {t("signin")}
        </button>
      </form>
      {error !== null && <ErrorBox error={error} />}
      <p className="hint">{t("signin.how")}</p>
      <Snippet code="madang hub token create my-laptop" label="shell" />
    </main>
  );
}
