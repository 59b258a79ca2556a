export default function Page() {
  return <p>webhooks at /webhooks/stripe</p>;
}
