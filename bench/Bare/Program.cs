// The yardstick of bench/http.sh: the least that a Kestrel endpoint does to answer with the same bytes as a stored value.
// Run as: Diststore.Bare --urls http://127.0.0.1:PORT --bytes 100

WebApplicationBuilder builder = WebApplication.CreateSlimBuilder(args);
builder.Logging.ClearProviders();
builder.WebHost.UseKestrelCore();
byte[] value = new byte[builder.Configuration.GetValue("bytes", 100)];
Array.Fill(value, (byte)'x');

WebApplication app = builder.Build();
app.Run(async context =>
{
    context.Response.ContentType = "application/octet-stream";
    context.Response.ContentLength = value.Length;
    await context.Response.BodyWriter.WriteAsync(value, context.RequestAborted);
});
app.Run();
