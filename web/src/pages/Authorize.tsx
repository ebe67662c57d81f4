import { useQuery } from "@tanstack/react-query";
import { type FormEvent, type ReactElement, useState } from "react";
import { api, oneLine } from "../api/client";
import { Snippet } from "../components/basic";
import { toast } from "../components/overlay";
import { t } from "../messages";

const OPEN = "local"; // who everybody is on a hub that is open to its own machine; its first token would close it to them
const KEY_LENGTH = 40; // characters that the client asks for

/** Where `wandb login` sends people for a key. */
export function AuthorizePage(): ReactElement {
  const me = useQuery({ queryKey: ["me"], queryFn: ({ signal }) => api.me(signal), staleTime: Number.POSITIVE_INFINITY });
  const [name, setName] = useState("");
  const [secret, setSecret] = useState("");
  const make = async (event: FormEvent) => {
    event.preventDefault();
    try {
      setSecret((await api.makeToken(name.trim(), "write")).secret);
    } catch (error) {
      toast(oneLine(error), { bad: true });
    }
  };
  if (me.data?.name === OPEN)
    return (
      <main className="page narrow">
        <h1>{t("authorize")}</h1>
        <p>{t("authorize.open")}</p>
        <Snippet label="shell" code={`export WANDB_BASE_URL=${location.origin}\nexport WANDB_API_KEY=${"local".padEnd(KEY_LENGTH, "0")}`} />
      </main>
    );
  const isAdmin = me.data?.level === "admin";
  return (
    <main className="page narrow">
      <h1>{t("authorize")}</h1>
      <p>{t("authorize.why")}</p>
      {isAdmin && !secret && (
        <form className="row-form" onSubmit={(event) => void make(event)}>
          <input className="input" required aria-label={t("authorize.name")} placeholder={t("authorize.name")} value={name} onChange={(event) => setName(event.target.value)} />
          <button type="submit" className="button primary">{t("authorize.make")}</button>
        </form>
      )}
      {secret && (
        <>
          <p>{t("authorize.once")}</p>
          <Snippet code={secret} />
          <Snippet label="shell" code={`export WANDB_BASE_URL=${location.origin}\nexport WANDB_API_KEY=${secret}`} />
        </>
      )}
      {!isAdmin && (
        <>
          <p>{t("authorize.shell")}</p>
          <Snippet label="shell" code={`madang hub token create ${me.data?.name || "ann"} --level write`} />
        </>
      )}
    </main>
  );
}
