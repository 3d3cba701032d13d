import { useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link, useCanGoBack, useNavigate, useRouter } from "@tanstack/react-router";
import { useEffect } from "react";
import { nameOf } from "../collection/Card";
import { useIsLeaving } from "../collection/leaving";
import { itemQuery, knownItem, useDelete, useEdit, useReanalyze } from "../collection/queries";
import { t } from "../i18n";
import { ApiError, type Item } from "../platform/api";
import { useApi } from "../platform/context";
import { Icon } from "../ui/Icon";
import { isForPage } from "../ui/keys";
import { Problem } from "../ui/Problem";
import { useTitle } from "../ui/useTitle";
import { AnalysisView } from "./AnalysisView";
import { OwnFields } from "./OwnFields";
import { Picture } from "./Picture";
import { Similar } from "./Similar";
import { neighbours, setClosed } from "./trail";
import { Versions } from "./Versions";

const route = getRouteApi("/items/$itemId");

export function ItemPage() {
  const { itemId } = route.useParams();
  const api = useApi();
  const client = useQueryClient();
  const query = useQuery({ ...itemQuery(api, itemId), placeholderData: () => knownItem(client, itemId) });
  const isLeaving = useIsLeaving(itemId);
  if (isLeaving) return <p className="my-16 text-center text-soft">{t("item.gone")}</p>;
  if (query.isError) {
    const isGone = query.error instanceof ApiError && query.error.status === 404;
    return <Problem error={isGone ? new Error(t("item.gone")) : query.error} onRetry={() => void query.refetch()} />;
  }
  if (!query.data) return <div className="skeleton my-4 h-[60vh]" role="status" aria-label={t("common.loading")} />;
  return <ItemView key={itemId} item={query.data} />;
}

function ItemView({ item }: { item: Item }) {
  const edit = useEdit(item);
  useTitle(nameOf(item));
  return (
    <article className="my-4 flex flex-col gap-6">
      {/* A box of its own: the picture stays in view beside its fields, and not over what is below. */}
      <div className="grid gap-6 lg:grid-cols-[minmax(0,1fr)_26rem]">
        <div className="lg:sticky lg:top-[85px] lg:self-start">
          <Bar item={item} onFavorite={() => edit.mutate({ favorite: !item.favorite })} />
          <Picture item={item} alt={nameOf(item)} />
        </div>
        <div className="flex min-w-0 flex-col gap-6">
          <Failure item={item} />
          <OwnFields item={item} onEdit={(change) => edit.mutate(change)} />
          {item.latest_analysis && <AnalysisView item={item} analysis={item.latest_analysis} />}
          <Versions item={item} />
        </div>
      </div>
      {item.status === "ready" && <Similar itemId={item.id} />}
    </article>
  );
}

function Bar({ item, onFavorite }: { item: Item; onFavorite: () => void }) {
  const navigate = useNavigate();
  const remove = useDelete();
  const goBack = useClose();
  const close = () => {
    setClosed(item.id);
    goBack();
  };
  const reanalyze = useReanalyze(item);
  const { previous, next } = neighbours(item.id);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (!isForPage(event)) return;
      const to = { ArrowLeft: previous, ArrowRight: next }[event.key];
      if (to) void navigate({ to: "/items/$itemId", params: { itemId: to }, replace: true });
      else if (event.key === "Escape") close();
      else if (event.key === "f") onFavorite();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  });
  return (
    <div className="mb-2 flex items-center">
      <button type="button" className="icon-button" aria-label={t("item.close")} onClick={close}>
        <Icon name="leave" />
      </button>
      <Step to={previous} label={t("item.previous")} icon="back" />
      <Step to={next} label={t("item.next")} icon="forward" />
      <div className="ml-auto flex">
        <button
          type="button"
          className={`icon-button ${item.favorite ? "text-star" : ""}`}
          aria-pressed={item.favorite}
          aria-label={t("item.favorite")}
          onClick={onFavorite}
        >
          <Icon name="star" filled={item.favorite} />
        </button>
        <Link to="/chat" search={{ about: item.id }} className="icon-button" aria-label={t("item.ask")}>
          <Icon name="chat" />
        </Link>
        <button type="button" className="icon-button" aria-label={t("item.reanalyze")} onClick={reanalyze}>
          <Icon name="refresh" />
        </button>
        <a
          className="icon-button"
          href={item.urls.original}
          download={item.original_filename}
          aria-label={t("item.download")}
        >
          <Icon name="download" />
        </a>
        <button
          type="button"
          className="icon-button"
          aria-label={t("common.delete")}
          onClick={() => {
            remove([item.id]);
            close();
          }}
        >
          <Icon name="trash" />
        </button>
      </div>
    </div>
  );
}

function Step({ to, label, icon }: { to: string | undefined; label: string; icon: "back" | "forward" }) {
  if (!to) return null;
  return (
    <Link to="/items/$itemId" params={{ itemId: to }} replace className="icon-button" aria-label={label}>
      <Icon name={icon} size={16} />
    </Link>
  );
}

/** Back to where the picture was opened from, or to the collection when it was opened by its address. */
function useClose(): () => void {
  const router = useRouter();
  const canGoBack = useCanGoBack();
  return () => (canGoBack ? router.history.back() : void router.navigate({ to: "/" }));
}

function Failure({ item }: { item: Item }) {
  const reanalyze = useReanalyze(item);
  if (item.status === "ready") return null;
  if (item.status !== "failed") {
    return (
      <p role="status" className="flex items-center gap-2 rounded-2xl bg-tint px-4 py-3">
        <span className="size-2 animate-pulse rounded-full bg-accent" />
        {t(`status.${item.status}`)}
      </p>
    );
  }
  return (
    <div role="alert" className="rounded-2xl border border-danger bg-danger-tint p-4">
      <h2 className="font-bold">{t("item.failed")}</h2>
      <p>{item.error?.message}</p>
      <p className="mt-1 font-mono text-xs text-soft">
        {item.error?.stage} · {item.error?.code}
      </p>
      <button type="button" className="button mt-3" onClick={reanalyze}>
        <Icon name="refresh" size={18} />
        {t("item.retry")}
      </button>
    </div>
  );
}
