"""A job in twenty lines: python examples/hello_job.py --greeting hi."""

from brevetti_hydra import Field, Job, JobSettings


class HelloSettings(JobSettings):
    greeting: str = Field("hello", description="what to say")


class HelloJob(Job):
    settings: HelloSettings

    def run(self) -> None:
        for epoch in range(3):
            self.report_progress(epoch, loss=1 / (epoch + 1))
        self.artifact_path("greeting.txt").write_text(self.settings.greeting, encoding="utf-8")


if __name__ == "__main__":
    HelloJob.init().start()
