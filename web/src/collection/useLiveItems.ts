import { useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { data, type Item } from "../platform/api";
import { usePlatform } from "../platform/context";
import { toast } from "../ui/toasts";
import { t } from "../i18n";
import { refreshLists, renew, renewPart, takeOut } from "./queries";

const GATHER_MS = 400;
// More than this at once are fetched by their lists.
const ONE_BY_ONE = 8;

/** Keeps what is shown true while the pipeline moves: each push changes a status, settled items are fetched whole. */
export function useLiveItems(): void {
  const { api, live } = usePlatform();
  const client = useQueryClient();
  useEffect(() => {
    const settled = new Set<string>();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const fetchSettled = async () => {
      timer = undefined;
      const ids = [...settled];
      settled.clear();
      if (ids.length > ONE_BY_ONE) return void (await refreshLists(client));
      for (const id of ids) {
        const answer = await data(api.GET("/items/{item_id}", { params: { path: { item_id: id } } })).catch(() => null);
        if (answer) renew(client, answer);
      }
      void client.invalidateQueries({ queryKey: ["facets"] });
    };
    const stop = live.listen((message) => {
      if (message.type === "live.opened") void refreshLists(client);
      if (message.type !== "item.status") return;
      const itemId = String(message["item_id"]);
      // Its bytes turned out to be another picture's: there is one item, and this was never another.
      if (message["status"] === "duplicate") {
        takeOut(client, new Set([itemId]));
        toast(t("upload.duplicate"));
        return;
      }
      const status = message["status"] as Item["status"];
      renewPart(client, itemId, { status, error: (message["error"] as Item["error"]) ?? null });
      if (status !== "ready" && status !== "failed") return;
      settled.add(itemId);
      timer ??= setTimeout(() => void fetchSettled(), GATHER_MS);
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, [api, live, client]);
}
